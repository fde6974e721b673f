"""What came out: Table I from a results folder."""

from mnistcmp.report.render import print_report as print_report
from mnistcmp.report.render import to_json as to_json
from mnistcmp.report.render import to_markdown as to_markdown
from mnistcmp.report.table1 import Report as Report
from mnistcmp.report.table1 import build_report as build_report

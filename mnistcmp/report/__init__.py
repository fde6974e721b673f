"""What came out: rows, comparisons and words from a results folder."""

from mnistcmp.report.build import build_report as build_report
from mnistcmp.report.contents import Comparison as Comparison
from mnistcmp.report.contents import Factorial as Factorial
from mnistcmp.report.contents import Report as Report
from mnistcmp.report.contents import Row as Row
from mnistcmp.report.render import print_report as print_report
from mnistcmp.report.render import to_json as to_json
from mnistcmp.report.render import to_markdown as to_markdown
from mnistcmp.report.render_search import print_search as print_search
from mnistcmp.report.render_search import search_to_json as search_to_json
from mnistcmp.report.render_search import search_to_markdown as search_to_markdown
from mnistcmp.report.search import PointRow as PointRow
from mnistcmp.report.search import SearchReport as SearchReport
from mnistcmp.report.search import build_search_report as build_search_report
from mnistcmp.report.search import is_search as is_search
from mnistcmp.report.search import refuse_search as refuse_search

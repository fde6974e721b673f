"""A study's results, or a comparison of two, as one self-contained HTML file."""

from mnistcmp.page.comparison import comparison_page as comparison_page
from mnistcmp.page.report import report_page as report_page
from mnistcmp.page.template import write_page as write_page

"""What to run: recipes, runs, studies, and the files that describe them."""

from mnistcmp.study.combine import Combined as Combined
from mnistcmp.study.combine import combine as combine
from mnistcmp.study.named import STUDIES as STUDIES
from mnistcmp.study.named import TABLE1 as TABLE1
from mnistcmp.study.named import named_study as named_study
from mnistcmp.study.plan import Condition as Condition
from mnistcmp.study.plan import Run as Run
from mnistcmp.study.plan import Study as Study
from mnistcmp.study.plan import named_recipe as named_recipe
from mnistcmp.study.recipe import RECIPES as RECIPES
from mnistcmp.study.recipe import Recipe as Recipe
from mnistcmp.study.search import Point as Point
from mnistcmp.study.search import Search as Search
from mnistcmp.study.search import plan_search as plan_search
from mnistcmp.study.seeds import describe_seeds as describe_seeds
from mnistcmp.study.seeds import format_seeds as format_seeds
from mnistcmp.study.seeds import parse_seeds as parse_seeds
from mnistcmp.study.sources import hold_to as hold_to
from mnistcmp.study.sources import hold_to_launches as hold_to_launches
from mnistcmp.study.sources import note_sources as note_sources
from mnistcmp.study.sources import own_networks as own_networks
from mnistcmp.study.studyfile import build_study as build_study
from mnistcmp.study.studyfile import format_study as format_study
from mnistcmp.study.studyfile import parse_study as parse_study
from mnistcmp.study.studyfile import read_study as read_study

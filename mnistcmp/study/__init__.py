"""What to run: recipes, runs, studies, and the files that describe them."""

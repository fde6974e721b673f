"""Running a study on Ray: here, or as a job of a cluster. Besides this, only `tune` imports Ray.

`address` finds a cluster, `client` talks to it, `driver` runs a study where Ray is, `tasks` makes
tasks of its runs, and `events` are what the driver tells whoever started it.
"""

"""The exit statuses of the command; 0 is done."""

FAILED = 1
"""Some runs failed, or a job broke off."""
REFUSED = 2
"""The request could not be carried out."""
INTERRUPTED = 130
"""Or detached from a job that goes on. What was finished is kept."""

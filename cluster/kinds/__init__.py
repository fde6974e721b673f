"""The kinds of cluster that `make cluster-up` can start on this host, a module each."""

"""`make bench`: the long runs that prove what the project claims, and where it stands beside others. See docs/reference/benchmarks.md."""

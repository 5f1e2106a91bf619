"""Makes Grafana's dashboards from the console's: `make docs` writes them, and a unit test refuses those that are out of date."""

"""HTTP over `Client` and the store: `personalrm serve`. See docs/service.md."""

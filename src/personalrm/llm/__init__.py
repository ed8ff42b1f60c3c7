"""Language model access: endpoints, the answer cache, budgets."""

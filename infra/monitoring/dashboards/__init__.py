"""The dashboards: a module each, and what they are made of (panels)."""

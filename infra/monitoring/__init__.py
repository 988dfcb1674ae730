"""How the stack is watched: what is measured (targets), what is told (alerts), what is shown (dashboards)."""

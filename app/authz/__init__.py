"""Says whether requests may pass: Envoy's external authorisation, with the list of blocked tokens in memory."""

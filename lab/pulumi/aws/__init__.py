"""Stand-in for Pulumi's AWS plugin in previews. It never makes anything."""

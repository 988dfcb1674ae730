"""Stand-ins for the Pulumi plugins that exist as downloads only: the Python language host and the Kubernetes provider.

They speak the gRPC protocols of the official plugins to an unchanged engine and take the same inputs, so that a program
which runs here runs with the official plugins too. They leave much out, and offer nothing that the official ones lack.
"""

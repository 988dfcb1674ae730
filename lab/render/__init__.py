"""A stack's Kubernetes objects as files, for `kubectl apply` or Argo CD: planned by Pulumi, written by Python."""

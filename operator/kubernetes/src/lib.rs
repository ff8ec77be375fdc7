//! The home in a Kubernetes cluster.

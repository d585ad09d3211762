"""What must be installed on a node. An environment says which steps; lifecycle runs them."""

"""What must run on the nodes. An engine says which processes and files; the agents start them."""

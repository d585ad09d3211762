"""The program that runs on every node. `agent.py` is one file that imports nothing of ours and is sent as it is."""

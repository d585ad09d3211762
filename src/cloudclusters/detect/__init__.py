"""What this machine is, in the words of the vocabulary."""

from cloudclusters.detect.accelerators import Accelerators, parse_nvidia_smi
from cloudclusters.detect.machine import Machine, machine

__all__ = ["Accelerators", "Machine", "machine", "parse_nvidia_smi"]

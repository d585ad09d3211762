"""The keywords of a contract with their types: a checker sees a misspelt one before any cloud does.

Made by tools/build_parameters.py from the vocabulary and the settings: change these, then run `make docs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import SupportsIndex, TypedDict

from cloudclusters.base.constraint import Range, Terms
from cloudclusters.vocabulary.wish import Wish

Number = SupportsIndex | float | str | Wish | Range
"""A quantity: a number, a text such as `"512G"` or `">=8"`, or a wish such as `atleast(8)`."""
Name = str | Wish | Terms | Sequence[str] | AbstractSet[str]
"""A name, several of which any will do, a text such as `"Ada|Hopper"`, or a wish such as `noneof("t2")`."""


class RoleParameters(TypedDict, total=False):
    """What the machines of a role must be, and what a role may set itself."""

    cluster_locale: Name
    """Where the machines stand: a continent, country, place, region or zone."""
    node_locale: Name
    locale: Name
    node_provider: Name
    """Who provides the machines."""
    provider: Name
    node_machinetype: Name
    """The instance type by the provider's name, or a family of them."""
    node_machine_type: Name
    instance_type: Name
    node_machinefamily: Name
    """What the machine is made for."""
    node_machine_family: Name
    node_virtual: Name | bool
    """Whether the node is a virtual machine."""
    node_memory_size: Number
    """Main memory of a node."""
    node_vcpus_count: Number
    """Virtual processors of a node that can be used."""
    node_vcpus_unit: Number
    node_vcpu_count: Number
    node_ecu_count: Number
    """EC2 compute units of a node; known for some older types of EC2 only."""
    node_hourly_price: Number
    """Price of one node, in US dollars per hour."""
    accelerator_count: Number
    """Accelerators of a node; a fraction is a share of one."""
    accelerator_type: Name
    """Kind of accelerator."""
    accelerator_architecture: Name
    """Architecture of the accelerators: itself and its variants, or with >= that generation or newer."""
    accelerator_arch: Name
    accelerator_manufacturer: Name
    """Who makes the accelerators."""
    accelerator_memory_size: Number
    """Nominal memory of one accelerator, or of the share of one."""
    accelerator_memory: Number
    accelerator: Name
    """Model of the accelerators, or a family of models."""
    accelerator_model: Name
    accelerator_processor: Name
    """The chip of the accelerators."""
    accelerator_memory_type: Name
    """Kind of memory of the accelerators."""
    accelerator_api: Name
    """What the accelerators can be programmed with; + asks for several, and a version is met by later ones. Versions of
    CUDA are compute capabilities; of the others the catalog tells no versions."""
    processor: Name
    """Model of the processors, or a family of models."""
    processor_model: Name
    processor_manufacturer: Name
    """Who makes the processors."""
    processor_microarchitecture: Name
    """Microarchitecture of the processors, or with >= that generation or newer."""
    processor_architecture: Name
    processor_isa: Name
    """Instruction set of the processors."""
    processor_simd: Name
    """Vector extensions that the processors have; + asks for several at once."""
    processor_core_count: Number
    """Physical cores of a node."""
    processor_core_threads_count: Number
    """Hardware threads of a core."""
    processor_core_clock: Number
    """Clock that all cores sustain."""
    storage_type: Name
    """Kind of disk that comes with a node."""
    storage_size: Number
    """Disks that come with a node, all together."""
    network_performance: Number
    """Network bandwidth of a node that can be sustained; what it reaches at times does not count."""
    interconnection_RDMA: Name | bool
    """Whether nodes can read each other's memory over the network, and how."""
    interconnection_rdma: Name | bool
    interconnection_bandwidth: Number
    """Bandwidth of a node's RDMA network."""
    node_threads_count: Number
    """Threads that the worker processes of a node compute with, all together."""
    node_dedicated: Name | bool
    """Whether nobody else has a share of the node's hardware."""
    node_memory_latency: Number
    """Time until the main memory answers."""
    node_memory_bandwidth: Number
    """Bandwidth of a node's main memory."""
    node_memory_type: Name
    """Kind of main memory."""
    node_memory_frequency: Number
    """Clock of the main memory."""
    node_coworker_count: Name
    """What each worker process of a node has to itself."""
    processor_count: Number
    """Processors (sockets) of a node."""
    processor_tdp: Number
    """Thermal design power of a processor."""
    processor_core_L1_size: Number
    """First-level cache of a core."""
    processor_core_L2_size: Number
    """Second-level cache of a core."""
    processor_L3_size: Number
    """Third-level cache of a processor."""
    accelerator_interconnect: Name
    """How the accelerators of a node reach each other."""
    accelerator_tdp: Number
    """Thermal design power of one accelerator."""
    accelerator_processor_count: Number
    """Chips of one accelerator."""
    interconnection_startuptime: Number
    """Time until a message between two nodes is on its way."""
    interconnection_latency: Number
    """Time that the smallest message between two nodes takes."""
    interconnection_topology: Name
    """How the nodes are wired."""
    interconnection: Name
    """Kind of network between the nodes."""
    storage_latency: Number
    """Time until the disks that come with a node answer."""
    storage_bandwidth: Number
    """Bandwidth of the disks that come with a node, all together."""
    storage_networkbandwidth: Number
    """Bandwidth between a node and disks on the network."""
    storage_interface: Name
    """How the disks that come with a node are attached."""
    imageid: str
    """The machine image of the nodes."""
    image_id: str
    user: str
    """The login name on the nodes; by default the image's own."""
    exename: str
    """The interpreter that starts workers."""
    exeflags: str
    """Options of that interpreter."""


class Parameters(RoleParameters, total=False):
    """All that `cluster` takes: for a dict of parameters that a type checker shall know, too."""

    cluster_type: Name
    """How the nodes of the cluster relate: equal peers, peers in one MPI world, or a manager and workers."""
    node_count: Number
    """Number of nodes, of compute nodes where there is a manager; of a range the fewest that will do."""
    node_process_count: Number
    """Number of worker processes, or MPI ranks, on each node."""
    total_vcpus: Number
    """Virtual processors of all compute nodes together; each type gets the fewest nodes that reach it."""
    total_cores: Number
    """Physical cores of all compute nodes together."""
    total_memory: Number
    """Main memory of all compute nodes together."""
    total_accelerators: Number
    """Accelerators of all compute nodes together."""
    total_accelerator_memory: Number
    """Nominal memory of the accelerators of all compute nodes together."""
    cluster_hourly_price: Number
    """Price of all nodes of the cluster, in US dollars per hour; disks and addresses come beside it."""
    possible: bool | str
    strict: bool | str
    region: str
    """The region where clusters are made when the contract names no place."""
    market: str
    """How machines are bought: on-demand; spot, which the provider may take back; any: what is cheaper."""
    policy: str
    """What makes one offer better than another: the price, the fit, or how much the machines do: fastest is by vCPUs
    times clock; pinned takes exactly what the contract names."""
    on_demand_base: float | str
    """Where the market is spot: how many compute nodes, the first ones, are bought on demand all the same; by default 1
    where the first node holds the scheduler."""
    on_demand_percent: float | str
    """Where the market is spot: how many percent of the other compute nodes are bought on demand, rounded up; by
    default 0."""
    max_price: float | str
    """The most to pay for a spot machine, in USD per hour; by default, or with off, the price on demand."""
    engine: str
    """What must run on the nodes."""
    environment: str
    """What must be installed on nodes; by default image (nothing) where they are this machine, else sync (what is
    installed here)."""
    python: str
    """The Python of the nodes' image that runs workers; by default python3."""
    python_version: str
    """The version of Python for uv and conda, such as 3.12; by default the driver's."""
    packages: str
    """Requirements for uv, or packages for conda, separated by blanks."""
    requirements: str
    """A file of requirements for uv: requirements.txt, pyproject.toml, uv.lock or pylock.toml."""
    conda_file: str
    """The environment.yml for conda."""
    micromamba_sha256: str
    """The sha256 that a micromamba fetched for conda must have."""
    wheels: str
    """Where nodes get packages for uv and sync: an index, the driver's installed ones, or what is reached."""
    sync_exclude: str
    """Distributions that sync leaves out, separated by blanks; * stands for anything."""
    sync_folder: str
    """The folder whose modules sync sends; by default that of the script. off sends none."""
    apt: str
    """Debian packages that nodes install before anything else, separated by blanks."""
    script: str
    """A script on this machine that every node runs once per content, before its environment is made."""
    sshflags: str
    """Options for SSH, as `ssh` has them; a documented subset."""
    first_boot: str
    """A script on this machine that every node runs once as root when it first boots."""
    boot_timeout: float | str
    """Seconds that a machine may take from running to answering."""
    tunneled: bool | str
    """Whether the scheduler is reached through SSH; else directly by TLS, at a port opened to you alone."""
    tunnel: bool | str
    idle_timeout: float | str
    """How long a cluster may be without use before it lets go of its machines by itself; by default 1h, and off where
    machines are free."""
    max_lifetime: float | str
    """How long a cluster may live before it lets go of its machines by itself; by default off."""
    max_cost: float | str
    """How many USD a cluster may cost before it lets go of its machines by itself; by default off."""
    at_limit: str
    """What becomes of the machines when a limit strikes: terminate, or stop (disks are kept, and paid)."""
    on_lost: str
    """What becomes of a node that is lost while a program computes: replace (buys another at once), drop (the rest goes
    on), or keep (it is only reported)."""
    on_rebalance: str
    """What a spot machine does when the provider only recommends to leave it: report, or retire its workers as at an
    interruption."""
    on_notice: str
    """A script on this machine that a node runs when the provider says that it takes the machine back."""
    directory: str
    """The working directory of workers and commands, made when absent; by default the node's own. One that is not
    absolute lies in the login directory, or on local in the node's directory."""
    threadlevel: str
    """The thread support that MPI is asked for."""
    mpiflags: str
    """Options for mpirun."""
    subnet_id: str
    """The subnet of the nodes."""
    placement_group: str
    """The placement group of the nodes; automatic makes one where it helps and deletes it, none makes none."""
    security_group_id: str
    """The security groups of the nodes, separated by blanks; automatic makes one and deletes it."""
    zone: str
    """The zone of the nodes, which lies in the region; by default any."""
    project: str
    """The project that pays."""
    network_interface: str
    """The network of the nodes."""
    manager: RoleParameters
    """What holds for manager nodes."""
    worker: RoleParameters
    """What holds for worker nodes."""

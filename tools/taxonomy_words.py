"""What the snapshot's files do not say: groups, other spellings, countries. Curated by hand.

A line is `name | flag | parents | aliases | earlier`; the flag `~` marks a group that no machine is itself.
"""

from __future__ import annotations

ROOTS = {
    "provider": "Provider",
    "machine_type": "MachineType | InstanceType",
    "machine_family": "MachineFamily",
    "manufacturer": "Manufacturer | AcceleratorManufacturer;ProcessorManufacturer",
    "accelerator_type": "AcceleratorType",
    "accelerator_architecture": "AcceleratorArchitecture",
    "accelerator": "Accelerator | AcceleratorModel",
    "processor": "Processor | ProcessorModel",
    "microarchitecture": "ProcessorMicroarchitecture | ProcessorArchitecture",
    "isa": "ProcessorISA",
    "simd": "ProcessorSIMD",
    "storage_type": "StorageType",
    "rdma": "Query",
    "locale": "Locale | world;anywhere",
    "cluster_type": "ClusterType",
}

TITLES = {
    "machine_type": "machine type",
    "machine_family": "machine family",
    "accelerator_type": "accelerator type",
    "accelerator_architecture": "accelerator architecture",
    "accelerator": "accelerator",
    "isa": "instruction set",
    "simd": "SIMD extension",
    "storage_type": "storage type",
    "rdma": "kind of RDMA",
    "locale": "place",
    "cluster_type": "cluster type",
}

SHAPES = {"provider": "open", "machine_type": "open", "locale": "open", "simd": "parts"}

FIXED = {
    "provider": """
        CloudProvider | ~ | | cloud
        OnPremises | ~ | | on-premises
        ec2 | | CloudProvider | AmazonEC2;AWS;Amazon
        gcp | | CloudProvider | GoogleCloud;Google;GCE
        azure | | CloudProvider | MicrosoftAzure;Azure
        batch | | CloudProvider | AWSBatch
        ecs | | CloudProvider | AmazonECS
        docker | | OnPremises | Docker
        ssh | | OnPremises |
        local | | OnPremises | Localhost
        fake | | |
    """,
    "machine_family": """
        general | | | general purpose;GeneralPurpose;EC2Family_General;GCPFamily_General
        compute | | | compute optimized;EC2Family_Compute;GCPFamily_Compute
        memory | | | memory optimized;EC2Family_Memory;GCPFamily_Memory
        accelerated | | | accelerated computing;EC2Family_Accelerated;GCPFamily_Accelerated;gpu
        storage | | | storage optimized;EC2Family_Storage
        hpc | | |
        network | | |
    """,
    "manufacturer": """
        Intel | | | IntelCorporation;GenuineIntel
        AMD | | | Xilinx;AuthenticAMD;Advanced Micro Devices
        NVIDIA | | |
        AWS | | | Amazon
        Google | | |
        Microsoft | | |
        Ampere | | | Ampere Computing
        Apple | | |
        Qualcomm | | |
        none | | |
    """,
    "accelerator_type": """
        XPU | ~ | |
        GPU | | XPU |
        TPU | | XPU |
        NPU | | XPU |
        IPU | | XPU |
        FPGA | | |
        MIC | | |
        MediaAccelerator | | |
        none | | |
    """,
    "isa": """
        x86_32 | | | ISA_x86_32;i386;i686
        x86_64 | | x86_32 | ISA_x86_64;amd64;x64
        arm64 | | | aarch64
        riscv64 | | |
        ppc64le | | |
    """,
    "storage_type": """
        ssd | | | StorageType_SSD
        nvme-ssd | | ssd | nvme;NVMe SSD;StorageType_SSD_NVMe
        hdd | | | StorageType_HDD
        optional-ssd | | |
        remote-only | | | EBS-only;EBS only;StorageType_EC2_EBS
    """,
    "rdma": """
        Yes | ~ | | True
        efa | | Yes |
        ib | | Yes | InfiniBand
        roce | | Yes |
        falcon | | Yes |
        none | | | No;False
    """,
    "cluster_type": """
        PeerWorkers | | |
        PeerWorkersMPI | | |
        ManagerWorkers | | | ManageWorkers
    """,
    "accelerator_architecture": """
        NVIDIA | ~ | | NVIDIAArchitecture
        AMD | ~ | | AMDArchitecture
        AWS | ~ | | Amazon
        Google | ~ | |
        Qualcomm | ~ | |
        GCN | ~ | AMD |
        RDNA | ~ | AMD |
        CDNA | ~ | AMD |
        NeuronCore | ~ | AWS |
        TPU | ~ | Google |
        none | | |
    """,
    "accelerator": """
        NVIDIA | ~ | | NVIDIAAccelerator
        AMD | ~ | | AMDAccelerator
        AWS | ~ | | AWSAccelerator;Amazon
        Google | ~ | | GoogleAccelerator
        Qualcomm | ~ | |
        Xilinx | ~ | AMD |
        NVIDIAGPU | ~ | NVIDIA |
        AMDGPU | ~ | AMD |
        AWSNeuron | ~ | AWS | Neuron
        GoogleTPU | ~ | Google | TPU
        XilinxFPGA | ~ | Xilinx |
        XilinxMedia | ~ | Xilinx |
        QualcommAI | ~ | Qualcomm |
        NVIDIATesla | ~ | NVIDIAGPU | Tesla;NVIDIA Tesla
        NVIDIAGRID | ~ | NVIDIAGPU | GRID;NVIDIA GRID
        NVIDIATesla_V100 | ~ | NVIDIATesla | V100;NVIDIA V100;Tesla V100
        NVIDIA_A100 | ~ | NVIDIAGPU | A100;NVIDIA A100
        NVIDIA_H100 | ~ | NVIDIAGPU | H100;NVIDIA H100
        NVIDIA_RTX_PRO | ~ | NVIDIAGPU | RTX PRO;NVIDIA RTX PRO
        AMDInstinct | ~ | AMDGPU | Instinct;AMD Instinct
        AMDRadeonPro | ~ | AMDGPU | Radeon Pro;AMD Radeon Pro
        none | | |
    """,
    "microarchitecture": """
        Intel | ~ | | IntelMicroarchitecture;IntelProcessor
        AMD | ~ | | AMDMicroarchitecture;AMDProcessor
        Arm | ~ | | ARM Neoverse;ArmMicroarchitecture
        Apple | ~ | | AppleMicroarchitecture
        Neoverse | ~ | Arm |
    """,
    "processor": """
        Intel | ~ | | IntelProcessor
        AMD | ~ | | AMDProcessor
        AWS | ~ | | AWSProcessor;Amazon
        Google | ~ | | GoogleProcessor
        Microsoft | ~ | | MicrosoftProcessor
        NVIDIA | ~ | | NVIDIAProcessor
        Ampere | ~ | | AmpereProcessor
        Apple | ~ | | AppleProcessor
        Graviton | ~ | AWS |
        Intel Xeon | ~ | Intel | Xeon
        Intel Xeon E5 | ~ | Intel Xeon | Xeon E5
        Intel Xeon E7 | ~ | Intel Xeon | Xeon E7
        Intel Xeon Platinum | ~ | Intel Xeon | Xeon Platinum
        Intel Xeon Gold | ~ | Intel Xeon | Xeon Gold
        Intel Core | ~ | Intel | Core
        AMD EPYC | ~ | AMD | EPYC
    """,
}

SIMD_SPELLINGS = {
    "avx512f": "AVX512;AVX-512",
    "avx2": "AVX-2",
    "ssse3": "SSSE_3",
    "sse2": "SSE_2",
    "sse4_1": "SSE4.1;SSE_4_1",
    "sse4_2": "SSE4.2;SSE_4_2",
    "sse4a": "SSE_4a",
    "asimd": "neon",
}

ARCHITECTURE_SPELLINGS = {
    "Ada": "Ada Lovelace;AdaLovelace",
    "Hopper": "Grace Hopper",
    "UltraScalePlus": "UltraScale+",
    "GCN5": "Vega",
}

MICROARCHITECTURE_SPELLINGS = {
    "Zen": "Naples",
    "Zen2": "Rome;Zen 2",
    "Zen3": "Milan;Zen 3",
    "Zen4": "Genoa;Zen 4",
    "Zen5": "Turin;Zen 5",
    "Skylake": "Skylake SP;SkylakeServer",
}

GENERIC_PROCESSORS = {
    "AMD EPYC Milan": ("AMD EPYC", "Zen3"),
    "AMD EPYC 9004": ("AMD EPYC", "Zen4"),
    "AMD EPYC 9005": ("AMD EPYC", "Zen5"),
    "Intel Xeon Scalable (Skylake)": ("Intel Xeon Platinum", "Skylake"),
    "Intel Xeon Scalable (Ice Lake)": ("Intel Xeon Platinum", "IceLake"),
    "Intel Xeon Scalable (Sapphire Rapids)": ("Intel Xeon Platinum", "SapphireRapids"),
    "Intel Xeon Scalable (Emerald Rapids)": ("Intel Xeon Platinum", "EmeraldRapids"),
    "Intel Xeon 6 (Granite Rapids)": ("Intel Xeon 69", "GraniteRapids"),
}
"""Names of a whole line, which a specific model of the same core is a member of: (how models begin, core)."""

COUNTRIES = {
    "South Africa | ZA": "Cape Town;Johannesburg",
    "China | CN": "Beijing;Ningxia",
    "Hong Kong | HK": "",
    "Taiwan | TW": "Taipei",
    "Japan | JP": "Tokyo;Osaka",
    "South Korea | KR;Korea;Republic of Korea": "Seoul;Busan",
    "India | IN": "Mumbai;Hyderabad;Delhi;Pune;Chennai;Jamnagar;Nagpur",
    "Singapore | SG": "",
    "Australia | AU": "Sydney;Melbourne;New South Wales;Victoria;Canberra",
    "New Zealand | NZ": "Auckland",
    "Indonesia | ID": "Jakarta",
    "Malaysia | MY": "Kuala Lumpur",
    "Thailand | TH": "Bangkok",
    "Canada | CA": "Montréal;Calgary;Toronto;Quebec",
    "United States | US;USA;U.S.": "Virginia;Ohio;California;Oregon;Iowa;South Carolina;Texas;Utah;Nevada;Washington;"
    "Phoenix;Illinois;Wyoming",
    "Mexico | MX;México": "Querétaro",
    "Brazil | BR": "São Paulo;Rio de Janeiro",
    "Chile | CL": "Santiago",
    "Germany | DE;Deutschland": "Frankfurt;Berlin",
    "Switzerland | CH": "Zurich;Geneva",
    "Sweden | SE": "Stockholm;Gävle",
    "Finland | FI": "Hamina",
    "Norway | NO": "",
    "Denmark | DK": "Copenhagen",
    "Italy | IT": "Milan;Turin",
    "Spain | ES": "Madrid",
    "France | FR": "Paris;Marseille",
    "Ireland | IE": "",
    "United Kingdom | UK;GB;Great Britain": "London;Cardiff",
    "Netherlands | NL": "",
    "Belgium | BE": "Brussels",
    "Austria | AT": "Vienna",
    "Poland | PL": "Warsaw",
    "Israel | IL": "Tel Aviv",
    "United Arab Emirates | AE;UAE": "Dubai;Abu Dhabi",
    "Bahrain | BH": "",
    "Qatar | QA": "Doha",
    "Saudi Arabia | SA": "Dammam",
}

PLACES = {
    "Los Angeles": "California",
    "Dallas": "Texas",
    "Columbus": "Ohio",
    "Salt Lake City": "Utah",
    "Las Vegas": "Nevada",
}
"""Places inside another place, not directly in a country."""

PLACE_SPELLINGS = {
    "N. Virginia": "Virginia",
    "Northern Virginia": "Virginia",
    "N. California": "California",
    "Sao Paulo": "São Paulo",
    "Sao Paulo State": "São Paulo",
    "Rio": "Rio de Janeiro",
    "Querétaro State": "Querétaro",
    "Queretaro": "Querétaro",
    "Montreal": "Montréal",
    "Tokyo, Saitama": "Tokyo",
    "Zürich": "Zurich",
}

REGIONS = {
    "ca-central-1": "Montréal",
    "mx-central-1": "Querétaro",
    "us-gov-east-1": "United States",
    "us-gov-west-1": "United States",
    "eastus2euap": "United States",
    "centraluseuap": "United States",
    "asia-east1": "Taiwan",
}
"""Regions whose place the file does not say, or not by a name that tells where it is."""

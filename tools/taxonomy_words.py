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
    "truth": "Query",
    "memory_type": "MemoryType | RAM",
    "worker_count": "WorkerCount",
    "accelerator_interconnect": "AcceleratorInterconnect",
    "accelerator_api": "AcceleratorBackend",
    "accelerator_processor": "AcceleratorProcessor",
    "interconnection_topology": "InterconnectionTopology",
    "interconnection": "Interconnection",
    "storage_interface": "StorageInterface",
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
    "truth": "answer",
    "memory_type": "memory type",
    "worker_count": "number of workers",
    "accelerator_interconnect": "accelerator interconnect",
    "accelerator_api": "programming interface",
    "accelerator_processor": "accelerator chip",
    "interconnection_topology": "topology",
    "storage_interface": "storage interface",
}

SHAPES = {
    "provider": "open",
    "machine_type": "open",
    "locale": "open",
    "simd": "parts",
    "accelerator_api": "parts",
    "accelerator_processor": "open",
    "interconnection_topology": "open",
    "interconnection": "open",
}

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
    "truth": """
        Yes | | | True
        No | | | False
    """,
    "memory_type": """
        SDRAM | ~ | |
        GDDR | ~ | |
        HBM | ~ | |
        DDR2 | | SDRAM |
        DDR3 | | SDRAM |
        DDR4 | | SDRAM |
        DDR5 | | SDRAM |
        LPDDR4 | | SDRAM |
        LPDDR4X | | SDRAM |
        LPDDR5 | | SDRAM |
        GDDR2 | | GDDR |
        GDDR3 | | GDDR |
        GDDR4 | | GDDR |
        GDDR5 | | GDDR |
        GDDR5X | | GDDR |
        GDDR6 | | GDDR |
        GDDR6X | | GDDR |
        GDDR7 | | GDDR |
        HBM1 | | HBM |
        HBM2 | | HBM |
        HBM2e | | HBM |
        HBM3 | | HBM |
        HBM3e | | HBM |
        HBM_PIM | | HBM |
        none | | |
    """,
    "worker_count": """
        NoCoworkers | | |
        PerNode | | |
        PerProcessor | | |
        PerCore | | |
        PerThread | | |
        PerVCPU | | |
        Unmapped | | |
    """,
    "accelerator_interconnect": """
        PCIe | | | PCI Express
        NVLink | ~ | |
        NVLink_V1 | | NVLink |
        NVLink_V2 | | NVLink |
        SLI | | NVLink | NVLink_SLI
        NVSwitch | | |
        GPUDirect | | |
    """,
    "accelerator_api": """
        CUDA | | |
        CUDA 1.0 | | CUDA | CUDA_1.0;CUDA1.0
        CUDA 1.1 | | CUDA 1.0 | CUDA_1.1;CUDA1.1
        CUDA 1.2 | | CUDA 1.1 | CUDA_1.2;CUDA1.2
        CUDA 1.3 | | CUDA 1.2 | CUDA_1.3;CUDA1.3
        CUDA 2.0 | | CUDA 1.3 | CUDA_2.0;CUDA2.0
        CUDA 2.1 | | CUDA 2.0 | CUDA_2.1;CUDA2.1
        CUDA 3.0 | | CUDA 2.1 | CUDA_3.0;CUDA3.0
        CUDA 3.2 | | CUDA 3.0 | CUDA_3.2;CUDA3.2
        CUDA 3.5 | | CUDA 3.2 | CUDA_3.5;CUDA3.5
        CUDA 3.7 | | CUDA 3.5 | CUDA_3.7;CUDA3.7
        CUDA 5.0 | | CUDA 3.7 | CUDA_5.0;CUDA5.0
        CUDA 5.2 | | CUDA 5.0 | CUDA_5.2;CUDA5.2
        CUDA 5.3 | | CUDA 5.2 | CUDA_5.3;CUDA5.3
        CUDA 6.0 | | CUDA 5.3 | CUDA_6.0;CUDA6.0
        CUDA 6.1 | | CUDA 6.0 | CUDA_6.1;CUDA6.1
        CUDA 6.2 | | CUDA 6.1 | CUDA_6.2;CUDA6.2
        CUDA 7.0 | | CUDA 6.2 | CUDA_7.0;CUDA7.0
        CUDA 7.2 | | CUDA 7.0 | CUDA_7.2;CUDA7.2
        CUDA 7.5 | | CUDA 7.2 | CUDA_7.5;CUDA7.5
        CUDA 8.0 | | CUDA 7.5 | CUDA_8.0;CUDA8.0
        CUDA 8.6 | | CUDA 8.0 | CUDA_8.6;CUDA8.6
        CUDA 8.7 | | CUDA 8.6 | CUDA_8.7;CUDA8.7
        CUDA 8.9 | | CUDA 8.7 | CUDA_8.9;CUDA8.9
        CUDA 9.0 | | CUDA 8.9 | CUDA_9.0;CUDA9.0
        CUDA 10.0 | | CUDA 9.0 | CUDA_10.0;CUDA10.0
        CUDA 10.3 | | CUDA 10.0 | CUDA_10.3;CUDA10.3
        CUDA 12.0 | | CUDA 10.3 | CUDA_12.0;CUDA12.0
        OpenCL | | |
        OpenCL 1.0 | | OpenCL | OpenCL_1.0;OpenCL1.0
        OpenCL 1.1 | | OpenCL 1.0 | OpenCL_1.1;OpenCL1.1
        OpenCL 1.2 | | OpenCL 1.1 | OpenCL_1.2;OpenCL1.2
        OpenCL 2.0 | | OpenCL 1.2 | OpenCL_2.0;OpenCL2.0
        OpenCL 2.1 | | OpenCL 2.0 | OpenCL_2.1;OpenCL2.1
        OpenCL 2.2 | | OpenCL 2.1 | OpenCL_2.2;OpenCL2.2
        OpenCL 3.0 | | OpenCL 2.2 | OpenCL_3.0;OpenCL3.0
        OpenACC | | |
        OneAPI | | | SYCL
        ROCm | | | HIP
        OpenGL | | |
        Vulkan | | |
        Vulkan 1.1 | | Vulkan | Vulkan_1.1;Vulkan1.1
        Vulkan 1.2 | | Vulkan 1.1 | Vulkan_1.2;Vulkan1.2
        Vulkan 1.3 | | Vulkan 1.2 | Vulkan_1.3;Vulkan1.3
        DirectX | | |
        DirectX 11.0 | | DirectX | DirectX_11.0;DirectX11.0
        DirectX 11.1 | | DirectX 11.0 | DirectX_11.1;DirectX11.1
        DirectX 12.0 | | DirectX 11.1 | DirectX_12.0;DirectX12.0
        DirectX 12.1 | | DirectX 12.0 | DirectX_12.1;DirectX12.1
        DirectX 12.2 | | DirectX 12.1 | DirectX_12.2;DirectX12.2
        XLA | | |
        Neuron | | |
        none | | |
    """,
    "accelerator_processor": """
        NVIDIA | ~ | |
        AMD | ~ | |
        Xilinx | ~ | AMD |
        GK104 | | NVIDIA |
        GK210 | | NVIDIA |
        GM204 | | NVIDIA |
        GP100 | | NVIDIA |
        GP102 | | NVIDIA |
        GP104 | | NVIDIA |
        GV100 | | NVIDIA |
        TU104 | | NVIDIA |
        GA100 | | NVIDIA |
        GA102 | | NVIDIA |
        AD102 | | NVIDIA |
        AD104 | | NVIDIA |
        GH100 | | NVIDIA |
        GB100 | | NVIDIA |
        GB202 | | NVIDIA |
        Navi 12 | | AMD |
        Navi 21 | | AMD |
        Vega 10 | | AMD |
        VU9P | | Xilinx |
        VU47P | | Xilinx |
        none | | |
    """,
    "interconnection_topology": """
        FatTree | | |
        Dragonfly | | |
        Torus | | |
        Mesh | | |
        Ring | | |
        Star | | |
    """,
    "interconnection": """
        Ethernet | | |
        RoCE | | Ethernet |
        EFA | | | Elastic Fabric Adapter
        InfiniBand | | | IB
        Slingshot | | |
    """,
    "storage_interface": """
        NVMe | | |
        SATA | | |
        IDE | | | PATA
        SAS | | |
        SCSI | | |
        FC | | | Fibre Channel
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

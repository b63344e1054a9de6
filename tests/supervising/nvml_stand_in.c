/* A stand-in for NVIDIA's libnvidia-ml.so.1: two invented GPUs, for machines that have none.

   It answers the calls that guard makes through the real nvidia-ml-py package, with fixed numbers. The
   environment variable STAND_IN_FAILS_AFTER=n makes GPU 1 "fall off the bus" after n utilisation readings.
   STAND_IN_USED_GIB=n says how full GPU 0 is, of 80. Nothing here was measured on hardware. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int nvmlReturn_t;
typedef void *nvmlDevice_t;
typedef struct { unsigned int gpu, memory; } nvmlUtilization_t;
typedef struct { unsigned long long total, free, used; } nvmlMemory_t;

enum { SUCCESS = 0, NOT_SUPPORTED = 3, GPU_IS_LOST = 15 };

static int readings = 0;
static char devices[2];

static int index_of(nvmlDevice_t device) { return (int)((char *)device - devices); }

static int is_lost(nvmlDevice_t device) {
    const char *limit = getenv("STAND_IN_FAILS_AFTER");
    return limit && index_of(device) == 1 && readings > 2 * atoi(limit);
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags) { (void)flags; return SUCCESS; }
nvmlReturn_t nvmlInit_v2(void) { return SUCCESS; }
nvmlReturn_t nvmlShutdown(void) { return SUCCESS; }

const char *nvmlErrorString(nvmlReturn_t code) {
    return code == GPU_IS_LOST ? "GPU is lost" : code == NOT_SUPPORTED ? "Not Supported" : "Unknown Error";
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return SUCCESS; }

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    *device = &devices[index];
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length) {
    snprintf(name, length, "Stand-in GPU %d", index_of(device));
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates) {
    readings++;
    if (is_lost(device)) return GPU_IS_LOST;
    rates->gpu = 40 + index_of(device);
    rates->memory = 10;
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    if (is_lost(device)) return GPU_IS_LOST;
    memory->total = 80ULL << 30;
    const char *used = getenv("STAND_IN_USED_GIB");
    memory->used = (unsigned long long)((used ? atoi(used) : 5) + index_of(device)) << 30;
    memory->free = memory->total - memory->used;
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int *milliwatts) {
    if (is_lost(device)) return GPU_IS_LOST;
    if (index_of(device) == 1) return NOT_SUPPORTED;
    *milliwatts = 251500;
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned int *celsius) {
    (void)sensor;
    if (is_lost(device)) return GPU_IS_LOST;
    *celsius = 61 + index_of(device);
    return SUCCESS;
}

/* Seals a message to many devices with libsodium's sealed box, for `make bench`: what our own sealing
 * is measured against.
 *
 * seal_loop LIBRARY DEVICES BYTES PASSES prints the seconds of each pass over all devices, one a line.
 *
 * Spec: docs/explanation/performance.md.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEY = 32, ADDED = 48 };
typedef int start_t(void);
typedef int keypair_t(unsigned char *, unsigned char *);
typedef int seal_t(unsigned char *, const unsigned char *, unsigned long long, const unsigned char *);

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int count, char **given) {
    if (count != 5) return 2;
    void *sodium = dlopen(given[1], RTLD_NOW);
    if (!sodium) return 3;
    start_t *start = (start_t *)dlsym(sodium, "sodium_init");
    keypair_t *keypair = (keypair_t *)dlsym(sodium, "crypto_box_keypair");
    seal_t *seal = (seal_t *)dlsym(sodium, "crypto_box_seal");
    if (!start || !keypair || !seal || start() < 0) return 3;
    size_t devices = strtoul(given[2], NULL, 10), bytes = strtoul(given[3], NULL, 10);
    unsigned char *keys = malloc(devices * KEY), secret[KEY];
    unsigned char *message = calloc(1, bytes), *sealed = malloc(devices * (bytes + ADDED));
    if (!keys || !message || !sealed) return 4;
    for (size_t i = 0; i < devices; i++) keypair(keys + i * KEY, secret);
    for (unsigned long pass = strtoul(given[4], NULL, 10); pass > 0; pass--) {
        double began = now();
        for (size_t i = 0; i < devices; i++)
            if (seal(sealed + i * (bytes + ADDED), message, bytes, keys + i * KEY) != 0) return 5;
        printf("%.9f\n", now() - began);
    }
    return 0;
}

/* A disk that can be full, fail, tear and forget, for the fault tests: loaded before the C library,
 * it stands between the relay and the files whose names begin with DISK_FILES.
 *
 * It counts what touches the disk, lets the n-th fail once or for ever, keeps to a budget of bytes,
 * and writes down every change and every sync, so that a test can make out afterwards what a power
 * cut would have left. The test steers it through a shared page (DISK_PAGE) while it runs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MOST_FILES = 4096, NAME = 512 };
enum { WRITE = 1, SYNC = 2, TRUNCATE = 4, UNLINK = 8, OPEN = 16 };
enum { FAILS = 1, TEARS = 2, SILENT = 3 };
enum { DID_OPEN = 1, DID_WRITE, DID_TRUNCATE, DID_SYNC, DID_UNLINK, DID_SYNC_FOLDER, DID_LOSE };

struct page {
    uint64_t count;   /* operations so far */
    uint64_t nth;     /* the one that fails; 0 for none */
    uint64_t kinds;   /* which kinds are counted */
    uint64_t mode;    /* how it fails */
    uint64_t error;   /* with which errno */
    uint64_t lasting; /* whether all that follow fail too */
    uint64_t failed;  /* how many failed */
    uint64_t limited; /* whether the budget counts */
    int64_t budget;   /* bytes by which files may still grow */
};

static struct page *page;
static char files[NAME], folder[NAME];
static size_t files_length;
static int record = -1;
static char *names[MOST_FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

static ssize_t real_write(int f, const void *b, size_t n) {
    static ssize_t (*call)(int, const void *, size_t);
    if (!call) call = REAL(ssize_t, write, int, const void *, size_t);
    return call(f, b, n);
}

static ssize_t real_pwrite(int f, const void *b, size_t n, off_t at) {
    static ssize_t (*call)(int, const void *, size_t, off_t);
    if (!call) call = REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    return call(f, b, n, at);
}

__attribute__((constructor)) static void begin(void) {
    const char *named = getenv("DISK_FILES"), *shared = getenv("DISK_PAGE"), *kept = getenv("DISK_RECORD");
    if (!named || !shared) return;
    strncpy(files, named, NAME - 1);
    files_length = strlen(files);
    strncpy(folder, files, NAME - 1);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = 0;
    int (*opens)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    int file = opens(shared, O_RDWR);
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (kept) record = opens(kept, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (mapped != MAP_FAILED) page = mapped;
}

/* The index of a log is memory that is shared, and the lock file says nothing: neither is counted. */
static int is_ours(const char *path) {
    size_t n = path ? strlen(path) : 0;
    if (!page || n < files_length || strncmp(path, files, files_length)) return 0;
    return !(n > 4 && !strcmp(path + n - 4, "-shm")) && !(n > 5 && !strcmp(path + n - 5, "-lock"));
}

static const char *name_of(int file) { return page && file >= 0 && file < MOST_FILES ? names[file] : NULL; }

static void note(int did, const char *name, int64_t at, const void *data, size_t length) {
    if (record < 0) return;
    struct { int64_t did, name, at, length; } head = {did, (int64_t)strlen(name), at, (int64_t)length};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, strlen(name)}, {(void *)data, data ? length : 0}};
    if (writev(record, parts, 3) < 0) abort();
}

/* Tell how this operation goes: 0 well, or one of the modes; errno is set where it fails. */
static int meet(uint64_t kind) {
    if (!(page->kinds & kind)) return 0;
    uint64_t number = ++page->count;
    if (!page->nth || number < page->nth || (number > page->nth && !page->lasting)) return 0;
    page->failed++;
    errno = (int)page->error;
    return (int)page->mode;
}

static int overspends(int file, off_t end) {
    struct stat found;
    if (!page->limited || fstat(file, &found) || end <= found.st_size) return 0;
    if (end - found.st_size > page->budget) return 1;
    page->budget -= end - found.st_size;
    return 0;
}

static ssize_t put(int file, const void *data, size_t length, off_t at) {
    pthread_mutex_lock(&lock);
    const char *name = names[file];
    int mode = meet(WRITE);
    ssize_t done = -1;
    if (mode == TEARS && length > 1) {
        done = real_pwrite(file, data, length / 2, at);
        if (done > 0) note(DID_WRITE, name, at, data, (size_t)done);
        page->nth = page->count + 1; /* a short write is tried again, and then fails */
    } else if (!mode || mode == SILENT) {
        if (overspends(file, at + (off_t)length)) {
            errno = ENOSPC;
        } else {
            done = real_pwrite(file, data, length, at);
            if (done > 0) note(DID_WRITE, name, at, data, (size_t)done);
        }
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int file, const void *data, size_t length, off_t at) {
    return name_of(file) ? put(file, data, length, at) : real_pwrite(file, data, length, at);
}
ssize_t pwrite64(int file, const void *data, size_t length, off64_t at) { return pwrite(file, data, length, at); }

ssize_t write(int file, const void *data, size_t length) {
    if (!name_of(file)) return real_write(file, data, length);
    off_t at = lseek(file, 0, SEEK_CUR);
    ssize_t done = put(file, data, length, at);
    if (done > 0) lseek(file, done, SEEK_CUR);
    return done;
}

static int sync_file(int file, const char *how) {
    int (*call)(int) = (int (*)(int))dlsym(RTLD_NEXT, how);
    const char *name = name_of(file);
    if (!name) return call(file);
    pthread_mutex_lock(&lock);
    int mode = meet(SYNC), done = -1;
    if (!mode) {
        done = call(file);
        note(strcmp(name, folder) ? DID_SYNC : DID_SYNC_FOLDER, name, 0, NULL, 0);
    } else if (mode == SILENT) {
        done = 0;
    } else {
        /* As Linux does: what could not be written counts as written from now on. */
        note(DID_LOSE, name, 0, NULL, 0);
        errno = (int)page->error;
    }
    pthread_mutex_unlock(&lock);
    return done;
}
int fsync(int file) { return sync_file(file, "fsync"); }
int fdatasync(int file) { return sync_file(file, "fdatasync"); }

static int cut(const char *name, int file, const char *path, off_t length) {
    int (*by_file)(int, off_t) = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate");
    int (*by_path)(const char *, off_t) = (int (*)(const char *, off_t))dlsym(RTLD_NEXT, "truncate");
    struct stat found = {0};
    int done = -1;
    pthread_mutex_lock(&lock);
    if (!meet(TRUNCATE)) {
        if (path) stat(path, &found);
        else fstat(file, &found);
        done = path ? by_path(path, length) : by_file(file, length);
        if (!done && length < found.st_size) page->budget += found.st_size - length;
        if (!done) note(DID_TRUNCATE, name, length, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return done;
}
int ftruncate(int file, off_t length) {
    int (*call)(int, off_t) = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate");
    return name_of(file) ? cut(names[file], file, NULL, length) : call(file, length);
}
int ftruncate64(int file, off64_t length) { return ftruncate(file, length); }
int truncate(const char *path, off_t length) {
    int (*call)(const char *, off_t) = (int (*)(const char *, off_t))dlsym(RTLD_NEXT, "truncate");
    return is_ours(path) ? cut(path, -1, path, length) : call(path, length);
}
int truncate64(const char *path, off64_t length) { return truncate(path, length); }

int posix_fallocate(int file, off_t at, off_t length) {
    int (*call)(int, off_t, off_t) = (int (*)(int, off_t, off_t))dlsym(RTLD_NEXT, "posix_fallocate");
    if (!name_of(file)) return call(file, at, length);
    pthread_mutex_lock(&lock);
    int done = meet(WRITE) ? (int)page->error : overspends(file, at + length) ? ENOSPC : call(file, at, length);
    pthread_mutex_unlock(&lock);
    return done;
}
int posix_fallocate64(int file, off64_t at, off64_t length) { return posix_fallocate(file, at, length); }

int unlink(const char *path) {
    int (*call)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    if (!is_ours(path)) return call(path);
    pthread_mutex_lock(&lock);
    int done = -1;
    if (!meet(UNLINK)) {
        struct stat found = {0};
        int known = stat(path, &found);
        done = call(path);
        if (!done && !known) page->budget += found.st_size;
        if (!done) note(DID_UNLINK, path, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

static int open_file(const char *how, const char *path, int flags, mode_t mode) {
    int (*call)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, how);
    int is_folder = page && path && !strcmp(path, folder);
    if (!is_folder && !is_ours(path)) return call(path, flags, mode);
    pthread_mutex_lock(&lock);
    int file = -1;
    if (!meet(OPEN)) {
        struct stat found = {0};
        if (flags & O_TRUNC) stat(path, &found);
        file = call(path, flags, mode);
        if (file >= 0 && file < MOST_FILES) {
            free(names[file]);
            names[file] = strdup(path);
            if (flags & O_TRUNC) page->budget += found.st_size;
            if (flags & (O_CREAT | O_TRUNC)) note(DID_OPEN, path, flags & O_TRUNC ? 0 : -1, NULL, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    return file;
}

#define OPENS(name)                                   \
    int name(const char *path, int flags, ...) {      \
        va_list more;                                 \
        va_start(more, flags);                        \
        mode_t mode = va_arg(more, mode_t);           \
        va_end(more);                                 \
        return open_file(#name, path, flags, mode);   \
    }
OPENS(open)
OPENS(open64)

int close(int file) {
    int (*call)(int) = (int (*)(int))dlsym(RTLD_NEXT, "close");
    if (page && file >= 0 && file < MOST_FILES && names[file]) {
        pthread_mutex_lock(&lock);
        free(names[file]);
        names[file] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return call(file);
}

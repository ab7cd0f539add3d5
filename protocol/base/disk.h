/* disk.h - what kind of file system a path is on, by its magic number. Thread: any. */
#ifndef CS_DISK_H
#define CS_DISK_H

/* The name of a file system that several hosts share ("NFS", "Lustre"...), on which a database that syncs its files is slow, and whose
 * locks and syncs are only as good as its servers; NULL: of any other, or nothing is known. */
const char *cs_disk_shared(const char *path); /* of the path, or of the nearest folder above it that exists */
const char *cs_disk_name(unsigned long magic);

#endif

#include "protocol/base/disk.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "protocol/base/alloc.h"

const char *cs_disk_name(unsigned long magic)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } shared[] = {
        {0x6969, "NFS"},      {0x0bd00bd0, "Lustre"},  {0x47504653, "GPFS"},     {0x19830326, "BeeGFS"},
        {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},     {0x517b, "SMB"},          {0x00c36400, "Ceph"},
        {0x5346414f, "AFS"},  {0x7461636f, "OCFS2"},   {0x01161970, "GFS2"},     {0x6b414653, "AFS"},
        {0x01021997, "9P"},   {0xaad7aaea, "Panasas"}, {0x20030528, "OrangeFS"}, {0x73757245, "Coda"},
    };
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if (shared[i].magic == magic)
            return shared[i].name;
    return NULL;
}

const char *cs_disk_shared(const char *path)
{
    char *at = cs_xstrdup(path), *slash;
    struct statfs fs;
    int rc;

    while ((rc = statfs(at, &fs)) != 0 && errno == ENOENT && (slash = strrchr(at, '/')) != NULL && slash != at)
        *slash = '\0';
    if (rc != 0 && errno == ENOENT)
        rc = statfs(path[0] == '/' ? "/" : ".", &fs);
    free(at);
    return rc == 0 ? cs_disk_name((unsigned long)(unsigned)fs.f_type) : NULL;
}

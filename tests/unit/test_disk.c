/* File systems that several hosts share are known by their magic numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/magic.h>

#include "protocol/base/disk.h"

static void shared_ones_have_a_name(void **state)
{
    (void)state;
    assert_string_equal(cs_disk_name(NFS_SUPER_MAGIC), "NFS");
    assert_string_equal(cs_disk_name(0x0bd00bd0), "Lustre"); /* LL_SUPER_MAGIC, not in the kernel's headers */
    assert_string_equal(cs_disk_name(CEPH_SUPER_MAGIC), "Ceph");
    assert_string_equal(cs_disk_name(SMB2_SUPER_MAGIC), "SMB");
    assert_string_equal(cs_disk_name(CIFS_SUPER_MAGIC), "CIFS");
    assert_string_equal(cs_disk_name(V9FS_MAGIC), "9P");
    assert_string_equal(cs_disk_name(OCFS2_SUPER_MAGIC), "OCFS2");
}

static void disks_of_a_machine_have_none(void **state)
{
    (void)state;
    static const unsigned long own[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
                                        OVERLAYFS_SUPER_MAGIC};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_null(cs_disk_name(own[i]));
    assert_null(cs_disk_shared("/proc"));
    assert_null(cs_disk_shared("/proc/no/such/folder"));
    assert_null(cs_disk_shared("/no/such/folder/at/all")); /* the root of whoever tests this is its own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_ones_have_a_name),
        cmocka_unit_test(disks_of_a_machine_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The smallest user of an installed Aeon. */
#include <aeon/error.h>
#include <errno.h>
#include <string.h>

static int find(int id)
{
        return aeon_fail(-ENOENT, "user %d", id);
}

int main(void)
{
        return find(17) == -ENOENT && !strcmp(aeon_error_text(), "user 17") ? 0 : 1;
}

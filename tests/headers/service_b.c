/* Includes the declarations and uses only some of them: the rest must not warn. */
#include "service.h"

long distance(void);

long distance(void)
{
        return (long)config_get()->x;
}

/* The redis driver. */
#include "broker/driver.h"

AEON_API extern const struct broker_driver aeon__driver_redis;

const struct broker_driver aeon__driver_redis = {
        .name = "redis",
};

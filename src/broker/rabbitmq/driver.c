/* The rabbitmq driver. */
#include "broker/driver.h"

AEON_API extern const struct broker_driver aeon__driver_rabbitmq;

const struct broker_driver aeon__driver_rabbitmq = {
        .name = "rabbitmq",
};

/* The kafka driver. */
#include "broker/driver.h"

AEON_API extern const struct broker_driver aeon__driver_kafka;

const struct broker_driver aeon__driver_kafka = {
        .name = "kafka",
};

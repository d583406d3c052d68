/* The sqs driver. */
#include "broker/driver.h"

AEON_API extern const struct broker_driver aeon__driver_sqs;

const struct broker_driver aeon__driver_sqs = {
        .name = "sqs",
};

/* The nats driver. */
#include "broker/driver.h"

const struct broker_driver aeon__driver_nats = {
        .name = "nats",
};

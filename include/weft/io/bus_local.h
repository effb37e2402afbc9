/* The bus of a single instance: nobody else is there, so nothing is sent and nothing ever comes. */
#ifndef WEFT_IO_BUS_LOCAL_H
#define WEFT_IO_BUS_LOCAL_H

#include "weft/core/bus.h"

/* Fills *bus, which is the caller's. Nothing is to be closed. */
void bus_local_init(struct bus *bus);

#endif

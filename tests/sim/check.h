/*
 * What must hold: during the world what the ghost sees, and once everything has come to rest, that
 * nothing is stuck, everybody has the same, nothing is lost or came back, and that nothing is left
 * when all have gone. docs/redis.md, "Invariants".
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "world.h"

void check_begin(struct world *world);

#endif

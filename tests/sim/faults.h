/* The dice of a world, and what goes wrong in it. */
#ifndef FAULTS_H
#define FAULTS_H

#include "world.h"

void faults_draw(struct world *world, const struct world_options *options);
void faults_begin(struct world *world);
/* The last one is over: from here on everything works. */
void faults_heal(struct world *world);

const char *profile_name(enum profile profile);
const char *mood_name(enum mood mood);

#endif

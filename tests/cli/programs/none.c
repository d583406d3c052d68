/* No app at all. */
int nothing_here = 1;

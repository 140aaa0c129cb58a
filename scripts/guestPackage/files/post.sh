#!/bin/sh
# Lets the application go on. It also runs after a pre script that failed or was ended, so it must bear to be run
# when nothing is held. Example:
#   exec my-database --resume-writes
exit 0

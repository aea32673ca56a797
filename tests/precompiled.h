/// Headers that nearly every test needs and that are slow to parse, compiled once.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cprobe/precompiled.h"

#pragma once

#include <gtest/gtest.h>

#include "base/result.h"

/// Expectations about a Result that print the error when they fail.

#define EXPECT_OK(expression)                                     \
  do {                                                            \
    const auto expected_ok = (expression);                        \
    EXPECT_TRUE(expected_ok) << expected_ok.error().text();       \
  } while (false)
#define ASSERT_OK(expression)                                     \
  do {                                                            \
    const auto expected_ok = (expression);                        \
    ASSERT_TRUE(expected_ok) << expected_ok.error().text();       \
  } while (false)
#define EXPECT_FAILS(code_expected, expression)                   \
  do {                                                            \
    const auto expected_failure = (expression);                   \
    ASSERT_FALSE(expected_failure) << "succeeded";                \
    EXPECT_EQ(name_of(expected_failure.error().code), name_of(code_expected)) \
        << expected_failure.error().text();                       \
    EXPECT_FALSE(expected_failure.error().message.empty());       \
  } while (false)

# weft_flags: what every source of ours is compiled with, warnings as errors among it. Sanitizers
# and the fuzzer's instrumentation go to all targets, since they must agree over a whole program.

add_library(weft_flags INTERFACE)
target_compile_options(weft_flags INTERFACE
    -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion)
target_compile_definitions(weft_flags INTERFACE WEFT_VERSION="${PROJECT_VERSION}")
if(WEFT_FAILPOINTS)
    target_compile_definitions(weft_flags INTERFACE WEFT_FAILPOINTS)
endif()
if(NOT WEFT_MUTANT STREQUAL "")
    target_compile_definitions(weft_flags INTERFACE WEFT_MUTANT=${WEFT_MUTANT})
endif()

if(WEFT_SANITIZE STREQUAL "address")
    set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(WEFT_SANITIZE STREQUAL "thread")
    set(sanitize -fsanitize=thread)
elseif(NOT WEFT_SANITIZE STREQUAL "none")
    message(FATAL_ERROR "WEFT_SANITIZE is none, address or thread, not ${WEFT_SANITIZE}")
endif()
if(sanitize)
    # gcc's warning is wrong about code that a sanitizer has rewritten; the release build keeps it.
    target_compile_options(weft_flags INTERFACE $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    add_compile_options("$<$<COMPILE_LANGUAGE:C>:${sanitize};-fno-omit-frame-pointer>")
    add_link_options(${sanitize})
else()
    # _FORTIFY_SOURCE and the sanitizers' interceptors get in each other's way.
    add_compile_options("$<$<COMPILE_LANGUAGE:C>:-fstack-protector-strong;-D_FORTIFY_SOURCE=2>")
endif()

if(WEFT_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "WEFT_FUZZ needs clang (cmake --preset fuzz)")
    endif()
    add_compile_options("$<$<COMPILE_LANGUAGE:C>:-fsanitize=fuzzer-no-link>")
endif()

# Debian packages only; each is linked by the room that needs it, and by no other. What tests alone need: TierTest.cmake.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tl-expected REQUIRED)
find_package(Boost CONFIG REQUIRED)  # Boost.Math, of which the headers suffice
# Not by oneDNN's own CMake package: Debian 12's asks for OpenCL's headers, which Debian's does not install and we do not use.
find_library(TIERD_DNNL_LIBRARY dnnl REQUIRED)
find_path(TIERD_DNNL_INCLUDE dnnl.hpp REQUIRED)
# The OpenMP library that Debian's oneDNN runs on, which is GCC's whatever compiler builds us; find_package(OpenMP) finds the compiler's own.
find_library(TIERD_OPENMP_LIBRARY NAMES libgomp.so.1 gomp REQUIRED)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(NUMA REQUIRED IMPORTED_TARGET numa)  # the system calls of numaif.h alone
pkg_check_modules(LIBSYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
find_package(MPI COMPONENTS C)  # optional: tier-train search on several machines
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
find_package(ZLIB REQUIRED)  # CRC-32
find_package(zydis REQUIRED)
# Of these two the headers alone: they are loaded when they are needed.
find_path(TIERD_PAPI_INCLUDE papi.h REQUIRED)
find_path(TIERD_CURL_INCLUDE curl/curl.h REQUIRED)

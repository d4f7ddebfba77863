# Debian packages only; each is linked by the room that needs it, and by no other. What tests alone need: TierTest.cmake.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tl-expected REQUIRED)
# Not by oneDNN's own CMake package: Debian 12's asks for OpenCL's headers, which Debian's does not install and we do not use.
find_library(TIERD_DNNL_LIBRARY dnnl REQUIRED)
find_path(TIERD_DNNL_INCLUDE dnnl.hpp REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)  # oneDNN's threads; we only tell it to use none
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(LIBSYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
find_package(MPI COMPONENTS C)  # optional: tier-train search on several machines
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
find_package(zydis REQUIRED)
# Of these two the headers alone: they are loaded when they are needed.
find_path(TIERD_PAPI_INCLUDE papi.h REQUIRED)
find_path(TIERD_CURL_INCLUDE curl/curl.h REQUIRED)

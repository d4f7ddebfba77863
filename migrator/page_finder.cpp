#include "migrator/page_finder.h"

#include <algorithm>
#include <cerrno>

namespace tier {

namespace {

// A process that has gone, or a page that has, is no refusal.
void refuse(int error_number, MarkedTotals& sum) {
  if (error_number != EPERM && error_number != EACCES) return;
  ++sum.refused;
  sum.error_number = error_number;
}

}  // namespace

MarkedTotals& MarkedTotals::operator+=(const MarkedTotals& other) {
  found += other.found;
  visible += other.visible;
  left += other.left;
  read += other.read;
  refused += other.refused;
  if (other.error_number != 0) error_number = other.error_number;
  spent += other.spent;
  return *this;
}

PageFinder::PageFinder(const PageLocator& locator, MarkedPages* marked, const Clock& clock,
                       PageFinderSettings settings)
    : locator_(locator),
      marked_(marked),
      clock_(clock),
      settings_(settings),
      bucket_(Bytes{settings.reads_per_second}, Bytes{settings.reads_per_second}) {}

// Huge pages first: a read of one page of each unit shows whether the rest must be read at all.
PageCall PageFinder::locate(Pid pid, std::span<const Address> pages) const {
  PageCall call = locator_.locate(pid, pages);
  if (marked_ == nullptr || call.value < 0 || !marked_->possible()) return call;
  MarkedTotals sum;
  const Nanoseconds before = clock_.now();
  std::vector<std::size_t> marked = find_marked(pid, pages, call, sum);
  sum.found = marked.size();
  if (!marked.empty() && may_read()) {
    read(pid, heads(pages, marked), sum);
    look_again(pid, pages, marked, call);
    std::vector<Address> rest;
    rest.reserve(marked.size());
    for (const std::size_t i : marked) rest.push_back(pages[i]);
    if (sum.read > 0 && !rest.empty()) {
      read(pid, rest, sum);
      look_again(pid, pages, marked, call);
    }
  }
  for (const std::size_t i : marked) call.status[i] = kStatusMarked;
  sum.left = marked.size();
  sum.visible = sum.found - sum.left;
  sum.spent = clock_.now() - before;
  std::lock_guard lock(mutex_);
  totals_ += sum;
  return call;
}

// Indices into `pages`.
std::vector<std::size_t> PageFinder::find_marked(Pid pid, std::span<const Address> pages,
                                                 const PageCall& call, MarkedTotals& sum) const {
  std::vector<std::size_t> hidden;
  std::vector<Address> addresses;
  for (std::size_t i = 0; i < pages.size() && i < call.status.size(); ++i) {
    if (call.status[i] != -ENOENT && call.status[i] != -EFAULT) continue;
    hidden.push_back(i);
    addresses.push_back(pages[i]);
  }
  if (hidden.empty()) return hidden;
  const auto found = marked_->find(pid, addresses);
  if (!found) {
    if (found.error().kind == ErrorKind::kPermission) refuse(EPERM, sum);
    return {};
  }
  std::vector<std::size_t> marked;
  for (std::size_t i = 0; i < hidden.size() && i < found->size(); ++i)
    if ((*found)[i]) marked.push_back(hidden[i]);
  return marked;
}

// The first marked page of each huge-page unit.
std::vector<Address> PageFinder::heads(std::span<const Address> pages,
                                       std::span<const std::size_t> marked) const {
  std::vector<Address> heads;
  for (const std::size_t i : marked) {
    const Address unit = pages[i] / settings_.huge_page.value;
    if (heads.empty() || heads.back() / settings_.huge_page.value != unit) heads.push_back(pages[i]);
  }
  return heads;
}

void PageFinder::read(Pid pid, std::span<const Address> pages, MarkedTotals& sum) const {
  if (settings_.reads_per_call > 0) {
    const std::size_t left =
        settings_.reads_per_call - std::min<std::size_t>(settings_.reads_per_call, sum.read);
    pages = pages.first(std::min(pages.size(), left));
  }
  if (pages.empty()) return;
  const UnmarkCall call = marked_->unmark(pid, pages);
  sum.read += call.read;
  refuse(call.error_number, sum);
  std::lock_guard lock(mutex_);
  bucket_.spend(Bytes{pages.size()});
}

// Takes over the places of those that are visible now and keeps the others in `marked`.
void PageFinder::look_again(Pid pid, std::span<const Address> pages, std::vector<std::size_t>& marked,
                            PageCall& call) const {
  std::vector<Address> addresses;
  addresses.reserve(marked.size());
  for (const std::size_t i : marked) addresses.push_back(pages[i]);
  const PageCall now = locator_.locate(pid, addresses);
  std::vector<std::size_t> still;
  for (std::size_t k = 0; k < marked.size(); ++k) {
    const int status = now.value >= 0 && k < now.status.size() ? now.status[k] : -ENOENT;
    if (status == -ENOENT || status == -EFAULT)
      still.push_back(marked[k]);
    else
      call.status[marked[k]] = status;
  }
  marked = std::move(still);
}

bool PageFinder::may_read() const { return wait(clock_.now()).count() == 0; }

Nanoseconds PageFinder::wait(Nanoseconds now) const {
  std::lock_guard lock(mutex_);
  return bucket_.wait(now);
}

MarkedTotals PageFinder::totals() const {
  std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace tier

// A panel, in the style of a library with macros for its exports.
#include "panel.H"

namespace ui {

class UI_EXPORT Panel : public Widget {
  UI_OBJECT
  UI_PROPERTY(int width READ width)

 public:
  explicit Panel(int width) NOEXCEPT : width_(width) {}
  ~Panel() OVERRIDE;
  explicit operator bool() const { return true; }
  operator const char *() const;
  Panel& operator =(const Panel&) = delete;
  virtual int width() const NOEXCEPT;

 private:
  DISABLE_COPY(Panel)
  int width_ GUARDED_BY(lock_);
};

enum class UI_EXPORT Side : int { Left, Right };

template <typename T> struct Printer { int print(); };
template <> struct Printer<int> { int print_number(); };
template <typename T, typename U>
struct Printer<T, U, when<is<T, U>::value !=
    other>> { int print_other(); };

}

ui::Panel::operator const char *() const { return ""; }
int ui::Printer<long>::print() { return 1; }
template <class T> T *ui::Side::Deep::find(T *at) { return at; }
const int &&limit(int a, int b) { return a; }

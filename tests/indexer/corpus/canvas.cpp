// Shapes on a canvas.
#include "canvas.h"
#include <memory>
#include <vector>

#define CANVAS_VERSION 3
#define CHECK(x) do { if (!(x)) fail(#x); } while (0)

namespace canvas {

using Points = std::vector<Point>;
typedef unsigned long Id;
constexpr int kMaxShapes = 512;
const double kPi = 3.14159;
int shape_count = 0;

enum class Color : unsigned char { Red, Green };

enum Corner { TopLeft, BottomRight };

template <typename T>
concept Drawable = requires(T t) { t.draw(); };

struct Point {
  double x = 0, y = 0;

  Point operator+(const Point& other) const { return {x + other.x, y + other.y}; }
  bool operator==(const Point&) const = default;
};

class Shape {
 public:
  explicit Shape(Id id) : id_(id) {}
  virtual ~Shape() = default;
  virtual void draw() const = 0;
  const Point& origin() const;
  static std::unique_ptr<Shape> create(Id id);
  operator bool() const { return id_ != 0; }

 protected:
  static constexpr int kLimit = 9;
  Id id_;

  friend void swap(Shape& a, Shape& b);

 private:
  class Impl;
  struct Cache {
    void clear();
    int hits = 0;
  };
};

template <class T, int N = 4>
class Grid : public Shape {
 public:
  template <class U>
  void put(U&& value);
  T* at(int row) { return &cells_[row]; }
  T& operator[](int row) { return cells_[row]; }

 private:
  T cells_[N];
};

union Word {
  int i;
  float f;
};

const Point& Shape::origin() const {
  static const Point zero;
  return zero;
}

std::unique_ptr<Shape> Shape::create(Id id) {
  auto make = [id] { return std::make_unique<Shape>(id); };
  return make();
}

void Shape::Cache::clear() { hits = 0; }

template <class T, int N>
template <class U>
void Grid<T, N>::put(U&& value) {
  cells_[0] = value;
}

template <typename T>
T largest(T a, T b) {
  return a > b ? a : b;
}

template <>
int largest<int>(int a, int b) {
  return a;
}

namespace detail {
namespace {

void fail(const char* what);

}  // namespace

inline int twice(int n) noexcept { return 2 * n; }
auto thrice(int n) -> int { return 3 * n; }

}  // namespace detail

namespace io::png {
bool save(const char* path);
}

}  // namespace canvas

bool operator<(const canvas::Point& a, const canvas::Point& b) { return a.x < b.x; }

canvas::Shape::~Shape() {}

extern "C" int canvas_main(int argc, char** argv) {
  return argc;
}

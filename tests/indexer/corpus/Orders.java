package org.example.shop;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Orders of one customer. */
public class Orders<T extends Comparable<T>> implements Iterable<T> {
    public static final int LIMIT = 100;
    private static final String PREFIX = "order-", SUFFIX = "-end";
    private final List<T> items = new ArrayList<>();
    private int count;

    static {
        System.out.println("loaded");
    }

    public Orders() {
        this(LIMIT);
    }

    protected Orders(int limit) {
        this.count = limit;
    }

    @Override
    public java.util.Iterator<T> iterator() {
        return new java.util.Iterator<T>() {
            private int at = 0;

            @Override
            public boolean hasNext() {
                return at < items.size();
            }

            @Override
            public T next() {
                return items.get(at++);
            }
        };
    }

    public void add(T item) {
        items.add(item);
    }

    public void add(List<? extends T> more) {
        Runnable each = () -> items.addAll(more);
        each.run();
    }

    public static <A, B> List<B> map(List<A> from, Function<A, B> by) {
        class Counter {
            int seen() {
                return from.size();
            }
        }
        return new ArrayList<>(new Counter().seen());
    }

    native void flush() throws java.io.IOException;

    static class Line {
        record Price(long cents, String currency) {
            static final Price FREE = new Price(0, "EUR");

            Price {
                if (cents < 0) throw new IllegalArgumentException();
            }

            long euros() {
                return cents / 100;
            }
        }
    }

    enum Status {
        OPEN {
            @Override
            boolean isFinal() {
                return false;
            }
        },
        DONE;

        boolean isFinal() {
            return true;
        }
    }
}

sealed interface Shape permits Circle, Square {
    double PI = 3.14;

    double area();

    default String describe() {
        return "area " + area();
    }
}

record Circle(double radius) implements Shape {
    public double area() {
        return PI * radius * radius;
    }
}

non-sealed class Square implements Shape {
    public double area() {
        return 1;
    }
}

@interface Audited {
    String value() default "";

    int level() default 1;
}

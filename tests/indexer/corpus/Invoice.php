<?php

declare(strict_types=1);

namespace Shop\Billing;

use DateTimeImmutable;
use InvalidArgumentException;

const TAX = 0.19;
const LOW = 1, HIGH = 10;
define('SHOP_NAME', 'corner');

interface Payable extends \Countable
{
    public const CURRENCY = 'EUR';

    public function pay(int $cents): bool;
}

trait Logs
{
    private array $lines = [];

    protected function log(string $line): void
    {
        $this->lines[] = $line;
    }
}

enum Status: string implements \JsonSerializable
{
    case Open = 'open';
    case Paid = 'paid';

    const DEFAULT = self::Open;

    public function jsonSerialize(): string
    {
        return $this->value;
    }
}

#[\AllowDynamicProperties]
abstract class Document
{
    abstract public function title(): string;
}

final class Invoice extends Document implements Payable
{
    use Logs;

    public const MAX_LINES = 100, MIN_LINES = 1;
    public static int $made = 0;

    public function __construct(
        private readonly string $number,
        public ?DateTimeImmutable $due = null,
    ) {
        self::$made++;
    }

    public static function fromArray(array $data): static
    {
        $check = function (string $key) use ($data): bool {
            return isset($data[$key]);
        };
        $double = fn (int $n): int => 2 * $n;
        if (!$check('number')) {
            throw new InvalidArgumentException('number');
        }
        return new static($data['number']);
    }

    public function title(): string
    {
        return "Invoice {$this->number}";
    }

    public function pay(int $cents): bool
    {
        $this->log((string) $cents);
        $receipt = new class ($cents) {
            public function __construct(public int $cents)
            {
            }
        };
        return $receipt->cents > 0;
    }

    public function &count(): int
    {
        return self::$made;
    }
}

function total(Invoice ...$invoices): int
{
    function helper(): int
    {
        return 1;
    }
    return count($invoices) + helper();
}

if (!function_exists('legacy_total')) {
    function legacy_total(array $invoices): int
    {
        return count($invoices);
    }
}
?>
<p><?= total() ?></p>

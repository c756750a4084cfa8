using System;
using System.Collections.Generic;

namespace Shop.Accounts
{
    public delegate void Changed<T>(object sender, T value);

    /// <summary>Keeps accounts.</summary>
    public interface IAccounts<in TKey>
    {
        int Count { get; }
        Account Find(TKey key);
        void Reset() { }
    }

    [Serializable]
    public abstract class Account : IEquatable<Account>
    {
        public const int MaxLength = 40;
        private const string First = "a", Second = "b";
        public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);
        private readonly Dictionary<string, decimal> balances = new();

        static Account() { }

        protected Account(string name)
        {
            Name = name;
        }

        ~Account() { }

        public string Name { get; private set; }
        public decimal Total => balances.Count;
        public event EventHandler Closed;
        public event EventHandler Opened
        {
            add { }
            remove { }
        }

        public decimal this[string currency]
        {
            get => balances[currency];
            set => balances[currency] = value;
        }

        public abstract void Close();

        public virtual async System.Threading.Tasks.Task<int> LoadAsync<T>(T source)
            where T : class
        {
            int Twice(int n) => 2 * n;
            Func<int, int> thrice = n => 3 * n;
            return await System.Threading.Tasks.Task.FromResult(Twice(thrice(1)));
        }

        public void Add(decimal amount) => Add(amount, "EUR");

        public void Add(decimal amount, string currency)
        {
            balances[currency] = amount;
        }

        public bool Equals(Account other) => ReferenceEquals(this, other);

        public static bool operator ==(Account a, Account b) => a.Equals(b);
        public static bool operator !=(Account a, Account b) => !(a == b);
        public static implicit operator string(Account account) => account.Name;

        protected enum Kind
        {
            Private,
            Company,
        }

        private struct Entry
        {
            public decimal Amount;

            public Entry(decimal amount) { Amount = amount; }
        }
    }

    public record Customer(string Name, int Age)
    {
        public bool IsAdult => Age >= 18;
    }

    public readonly record struct Money(decimal Amount, string Currency);

    public static class Extensions
    {
        public static bool IsEmpty(this Account account) => account.Total == 0;
    }
}

// The pages work without this file; it only saves keystrokes.

const numberField = document.querySelector('#number');

const grouped = (digits) => digits.replace(/(\d{4})(?=\d)/g, '$1 ');

numberField?.addEventListener('input', () => {
  if (numberField.selectionStart !== numberField.value.length) return;
  numberField.value = grouped(numberField.value.replaceAll(/\D/g, ''));
});

for (const link of document.querySelectorAll('a[data-fill]')) {
  link.addEventListener('click', (event) => {
    if (numberField === null) return;
    event.preventDefault();
    numberField.value = grouped(link.dataset.fill);
    document.querySelector('#method-card')?.click();
    for (const [id, value] of [
      ['#expiry', '12 / 34'],
      ['#cvc', '123'],
    ]) {
      const field = document.querySelector(id);
      if (field !== null && field.value === '') field.value = value;
    }
    document.querySelector('form[data-pay] button[type=submit]')?.focus();
  });
}

for (const form of document.querySelectorAll('form[data-busy]')) {
  form.addEventListener('submit', (event) => {
    const button = event.submitter;
    if (form.dataset.sent === 'yes') {
      event.preventDefault();
      return;
    }
    form.dataset.sent = 'yes';
    if (button !== null) button.textContent = form.dataset.busy;
    form.setAttribute('aria-busy', 'true');
  });
}

// A page restored by the back button must be usable again.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

// Runs before anything is drawn: the dark theme does not flash white, and screen readers know the
// language from the first word. A file, because scripts within the page are not allowed.
(() => {
  // Opened with a name and a password in its address, a page may ask the server for nothing; the
  // browser knows them by now, and sends them along.
  const address = new URL(document.URL);
  if (address.username !== '' || address.password !== '') {
    address.username = '';
    address.password = '';
    location.replace(address);
    return;
  }
  const read = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const chosen = read('mantine-color-scheme-value');
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const scheme = chosen === 'light' || chosen === 'dark' ? chosen : dark ? 'dark' : 'light';
  document.documentElement.setAttribute('data-mantine-color-scheme', scheme);
  const language = read('omma-language');
  if (language) document.documentElement.lang = language;
})();
